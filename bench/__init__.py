"""Measures Postroom side by side with Postfix and Dovecot. `make bench`, or `python -m bench --help`."""
