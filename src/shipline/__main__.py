"""`python -m shipline` is the `shipline` command."""

from shipline.cli.main import main

if __name__ == "__main__":
    main()
