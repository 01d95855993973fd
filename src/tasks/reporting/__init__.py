"""From the folders of a sweep's jobs to one table: which jobs, which rows and columns, what stands in each cell."""
