"""Stream processors: they follow the hub's topics and keep what PostgreSQL shows of them."""
