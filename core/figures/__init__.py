"""Pictures: data in, figure out. Nothing here knows the dashboard."""
