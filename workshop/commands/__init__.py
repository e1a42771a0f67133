"""The commands of `workshop`: each module has a group of them."""
