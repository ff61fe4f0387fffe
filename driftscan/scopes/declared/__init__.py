"""What packages say in their scripts and configuration that they make; for the scope `declarations`."""
