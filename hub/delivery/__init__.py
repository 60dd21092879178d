"""How partners get at what they may see: the HTTP interface, its credentials, and the third gate."""
