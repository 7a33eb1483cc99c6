package driver

import "strings"

// CheckPath reports whether path is within the rules: absolute, no slash at
// the end, components of ASCII letters, digits, '.', '_' and '-' that are
// neither empty nor "." nor "..". "/" alone is allowed where dir is true (Stat,
// List and Walk). The error is an [InvalidPathError] of the driver called name.
func CheckPath(name, path string, dir bool) error {
	if path == "/" && dir {
		return nil
	}
	rest, ok := strings.CutPrefix(path, "/")
	for component := range strings.SplitSeq(rest, "/") {
		ok = ok && ValidComponent(component)
	}
	if !ok {
		return InvalidPathError{Path: path, DriverName: name}
	}
	return nil
}

// ValidComponent tells whether s may stand between two slashes of a path.
func ValidComponent(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// JoinPaths makes the names of children of a directory their paths, in place. The
// paths share one string.
func JoinPaths(dir string, names []string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	size := 0
	for _, base := range names {
		size += len(prefix) + len(base)
	}
	var all strings.Builder
	all.Grow(size)
	for n, base := range names {
		at := all.Len()
		all.WriteString(prefix)
		all.WriteString(base)
		names[n] = all.String()[at:]
	}
}

// ComparePaths orders paths as Walk does: '/' counts as the lowest byte.
func ComparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			switch {
			case a[i] == '/':
				return -1
			case b[i] == '/':
				return 1
			case a[i] < b[i]:
				return -1
			}
			return 1
		}
	}
	return len(a) - len(b)
}
