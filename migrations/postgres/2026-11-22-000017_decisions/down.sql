DROP TABLE superseded_events;
DROP TABLE places;
DROP TABLE decisions;
DROP TABLE releases;
DROP TABLE staged_decisions;
DROP TABLE place_settings;
