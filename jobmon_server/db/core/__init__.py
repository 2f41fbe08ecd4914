"""Engines, transactions, column types and the forms of statements. Knows no table."""
