"""Methods x data sets x seeds -> one table."""
