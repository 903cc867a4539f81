"""Reports of tests in JUnit's XML, as runners pack them: read with limits, whoever wrote them."""
