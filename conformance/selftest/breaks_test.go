package selftest

func breaks() map[string][]string    { return nil }
func unbreakable() map[string]string { return nil }
