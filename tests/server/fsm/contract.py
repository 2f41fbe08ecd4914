"""The contract's tables typed once more, in letters, by hand: what the code is compared with."""

from __future__ import annotations

#: from: all letters it may go to.
INSTANCE_EDGES = {
    "Q": "IF",
    "I": "OREFWK",
    "O": "REZUXKF",
    "R": "DEZUFTK",
    "T": "RDEZUFK",
    "X": "EZUF",
    "K": "FD",
}
INSTANCE_LETTERS = "QIORTXKDEZUWF"
INSTANCE_TERMINAL = "DEZUWF"
INSTANCE_CODES = {
    "QUEUED": "Q",
    "INSTANTIATED": "I",
    "LAUNCHED": "O",
    "RUNNING": "R",
    "TRIAGING": "T",
    "NO_HEARTBEAT": "X",
    "KILL_SELF": "K",
    "DONE": "D",
    "ERROR": "E",
    "RESOURCE_ERROR": "Z",
    "UNKNOWN_ERROR": "U",
    "NO_DISTRIBUTOR_ID": "W",
    "ERROR_FATAL": "F",
}

#: Pairs from → to, known races.
UNTIMELY = (
    "RO TO XO KO DO EO ZO UO WO FO".split()  # the distributor was late to say so
    + "EU ZU DU UD UE UZ KE KZ KU".split()
    + "EE ZZ UU WW FF".split()  # from another reporter
)

TASK_EDGES = (
    "GQ AQ QI IO IR OR RD".split()
    + "QE IE OE RE EG EA EF".split()
    + "GP AP QP PG".split()
    + "GS QS IS OS RS AS PS".split()
)
TASK_OPERATOR_EDGES = "FG DG SG AG".split()
TASK_LETTERS = "GQIORAPEDFS"
TASK_TERMINAL = "DFS"
TASK_CODES = {
    "REGISTERING": "G",
    "QUEUED": "Q",
    "INSTANTIATING": "I",
    "LAUNCHED": "O",
    "RUNNING": "R",
    "ADJUSTING_RESOURCES": "A",
    "PAUSED": "P",
    "ERROR_RECOVERABLE": "E",
    "DONE": "D",
    "ERROR_FATAL": "F",
    "STOPPED": "S",
}

WORKFLOW_NAMES = {"REGISTERED", "RUNNING", "DONE", "FAILED", "PAUSED", "STOPPED", "HALTED"}
WORKFLOW_TERMINAL = {"DONE", "FAILED", "STOPPED"}
RUN_NAMES = {"BOUND", "RUNNING", "DONE", "ERROR", "STOPPED", "TERMINATED"}
RUN_TERMINAL = {"DONE", "ERROR", "STOPPED", "TERMINATED"}
RUN_ENDS = {"DONE": "DONE", "FAILED": "ERROR", "STOPPED": "STOPPED"}

#: What an instance's news means for its task: (while attempts remain, when none remain); "" changes nothing.
NEWS = {
    "I": ("I", "I"),
    "O": ("O", "O"),
    "R": ("R", "R"),
    "D": ("D", "D"),
    "T": ("", ""),
    "X": ("", ""),
    "K": ("", ""),
    "E": ("EG", "EF"),
    "U": ("EG", "EF"),
    "W": ("EG", "EF"),
    "Z": ("EA", "EF"),
    "F": ("EF", "EF"),
}

#: Who acts when a deadline passes: the reaper, to this status.
WHEN_OVERDUE = {"I": "W", "O": "X", "X": "E", "R": "T", "T": "U", "K": "F"}
EXTENDED_BY_WORKER = "R"
EXTENDED_BY_BATCH = "IOR"
ASKS_DEADLINE = "IOR"
TOLD_TO_STOP = {"K": "F", "X": "E"}
WHEN_STOPPED = {"Q": "F", "X": "F", "I": "K", "O": "K", "R": "K", "T": "K", "K": "K"}
ERROR_STATES = ["ERROR", "RESOURCE_ERROR", "UNKNOWN_ERROR", "ERROR_FATAL"]
OUTCOMES = {"applied", "duplicate", "untimely", "invalid", "fenced", "unknown", "busy", "malformed"}
REPORTERS = {"worker", "distributor", "reaper", "operator", "workflow_run"}
