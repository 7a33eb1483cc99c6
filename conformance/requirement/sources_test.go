package requirement_test

import "os"

// sources is the folder of the package under test.
var sources = os.DirFS(".")
