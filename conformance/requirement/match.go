package requirement

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Match tells whether an id matches at least one of the patterns. An entry may itself hold
// several patterns, separated by commas and surrounded by spaces. In a pattern, * stands for
// any run of characters, dots included, and for nothing at all; every other character stands
// for itself. No pattern, an empty one, and one with a character that no id has are errors,
// whatever the other patterns match.
func Match(patterns []string, id string) (bool, error) {
	if len(patterns) == 0 {
		return false, errors.New("no pattern to select requirements with")
	}
	matched := false
	for _, entry := range patterns {
		for part := range strings.SplitSeq(entry, ",") {
			pattern := strings.TrimSpace(part)
			if err := checkPattern(pattern); err != nil {
				return false, err
			}
			ok, err := path.Match(pattern, id)
			if err != nil {
				return false, fmt.Errorf("pattern %q: %w", pattern, err)
			}
			matched = matched || ok
		}
	}
	return matched, nil
}

// checkPattern refuses what could never match an id, and what would mean something else
// than itself to path.Match.
func checkPattern(pattern string) error {
	if pattern == "" {
		return errors.New("empty pattern to select requirements with")
	}
	for _, c := range pattern {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-*", c) {
			return fmt.Errorf("pattern %q: %q can't occur in an id: want lower-case letters, digits, dots, hyphens and *", pattern, c)
		}
	}
	return nil
}
