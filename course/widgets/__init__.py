"""What people click: each widget has one model in Python, and reads without a kernel too."""
