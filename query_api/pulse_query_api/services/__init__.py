"""Services: query and change the store for the routes, independent of HTTP and of the storage engine."""
