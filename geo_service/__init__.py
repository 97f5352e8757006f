"""The shell of Yinxun: HTTP, SQL, time and processes around the pure domain in `layers`."""
