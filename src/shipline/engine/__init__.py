"""What every program needs of a Docker Engine: connect, labels, pull, reap. No decisions of theirs."""
