"""What all pages share: the selection, cached loaders and a few small widgets."""
