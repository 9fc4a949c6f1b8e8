"""Tables of the rating store. Ratings are only inserted; an undo is a row, too."""

import sqlalchemy as sa

__all__ = ["assignments", "clips", "consents", "metadata", "plan", "raters", "ratings"]

metadata = sa.MetaData()

plan = sa.Table(
    "plan",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # always 1: a store has one plan
    sa.Column("expressions", sa.JSON, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("repeats", sa.Integer, nullable=False),
    sa.Column("candidates", sa.Integer, nullable=False),
    sa.Column("created", sa.String(40), nullable=False),
)
clips = sa.Table(
    "clips",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # the order in which they are handed out
    sa.Column("video", sa.Text, nullable=False),
    sa.Column("viewer", sa.Text, nullable=False),
    sa.Column("start_s", sa.Integer, nullable=False),
    sa.Column("end_s", sa.Integer, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("crop", sa.JSON, nullable=False),
    sa.Column("training", sa.JSON),  # expressions that are present, where it is a clip of the training round
    sa.Column("practice", sa.Boolean, nullable=False),  # whether it is of the training round
    sa.Column("open", sa.Boolean, nullable=False),  # whether a slot is free; always in the training round
    sa.UniqueConstraint("video", "viewer", "start_s", "end_s"),
)
raters = sa.Table(
    "raters",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("pseudonym", sa.String(40), nullable=False, unique=True),
    sa.Column("token_sha256", sa.String(64), unique=True),  # NULL: revoked, or imported
    sa.Column("created", sa.String(40), nullable=False),
)
forgotten = sa.Table(
    "forgotten",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # of a rater: nobody else gets it
)
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rater", sa.ForeignKey("raters.id"), nullable=False, index=True),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("given", sa.String(40), nullable=False),
)
ratings = sa.Table(
    "ratings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("submission", sa.String(64), nullable=False, unique=True),  # chosen by the page: a repeat is no second
    sa.Column("clip", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("rater", sa.ForeignKey("raters.id"), nullable=False, index=True),
    sa.Column("undo", sa.Boolean, nullable=False),
    sa.Column("present", sa.JSON, nullable=False),
    sa.Column("cannot_tell", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),  # from showing to answering, as the page says
    sa.Column("received", sa.String(40), nullable=False),
    sa.Column("consent", sa.String(80), nullable=False),
)
assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("clip", sa.ForeignKey("clips.id"), nullable=False),
    sa.Column("rater", sa.ForeignKey("raters.id"), nullable=False),
    sa.Column("slot", sa.Integer),  # 0 … repeats − 1; NULL in the training round
    sa.Column("expires", sa.Float, nullable=False),  # seconds since 1970
    sa.Column("rating", sa.Integer),  # the row of ratings that counts; NULL: not answered
    sa.UniqueConstraint("clip", "slot"),
    sa.UniqueConstraint("clip", "rater"),
    sa.Index("assignments_of_rater", "rater", "rating"),
    sa.Index("assignments_open", "rating", "expires"),
)
sa.Index("clips_open", clips.c.practice, clips.c.open, clips.c.id)
