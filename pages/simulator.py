"""Answers a first visit of this page right after a server start; see first_visit.py."""

from pages.shell.first_visit import run_router

run_router()
