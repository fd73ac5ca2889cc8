"""What became of the mutants of one class, and whether that is good enough."""


class Report:
    """Counts of one class."""

    def __init__(self, name):
        self.name = name
        self.killed = 0
        self.not_built = 0
        self.explained = 0
        self.survivors = []
        self.left = 0

    def share(self):
        """Of those that were tried."""
        judged = self.killed + len(self.survivors)
        return self.killed / judged if judged else 1.0

    def good(self, least):
        """Whether at least this many percent are killed, or may be: those that were not tried count as
        killed, so that a sample never fails a class by chance."""
        judged = self.killed + self.left + len(self.survivors)
        return len(self.survivors) * 100 <= (100 - least) * judged

    def line(self):
        left = f", {self.left} not tried for want of time" if self.left else ""
        return (
            f"{self.name}: {self.share():.1%} killed ({self.killed} killed, {len(self.survivors)} survived,"
            f" {self.explained} explained, {self.not_built} did not compile{left})"
        )
