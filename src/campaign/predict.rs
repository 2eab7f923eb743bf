//! How many calls may be under way for people to take them.
