"""Compares methods on data sets over seeds, and writes one table."""
