"""What the dead process's memory says about why it died. Facts only: the conclusions are drawn by ``workers/pipeline/diagnose``."""
