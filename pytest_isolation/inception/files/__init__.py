"""What files a container holds: what its image has, what is mounted over that, and what its scripts then write."""
