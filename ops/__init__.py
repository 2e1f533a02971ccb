"""What people use: settings, command line, storage, SQL and reports."""
