"""The embedded Athena: Trino's SQL on DuckDB, in processes that can be stopped."""
