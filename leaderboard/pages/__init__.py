"""What each kind of page says: functions from boards and evidence to `leaderboard.page.Page`."""
