"""What bench/run.py is made of; bench/README.md says which file is what."""
