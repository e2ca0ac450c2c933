"""The formats in which people keep Sudokus, one file each: containers, columns, drawn grids, JSON, arrays."""
