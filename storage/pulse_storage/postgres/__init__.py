"""The store on PostgreSQL: partitions by week, one writer a process, any number of processes."""
