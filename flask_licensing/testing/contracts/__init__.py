"""The contracts of key stores: a class of tests for each group of methods."""
