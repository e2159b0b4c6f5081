"""Certificates from an authority, and their renewal."""
