"""Checks of a data set: functions over the columns of its images that return what they found."""
