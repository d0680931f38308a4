"""Whole stocks of license keys: files in and out."""
