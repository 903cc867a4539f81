"""ELB: the API's operations, the values they keep, and what makes them true."""
