"""The dashboard's pages: each file in a folder below is one direct script."""
