package need

import (
	"os/exec"
	"syscall"
)

// dieWithParent lets the kernel end the process with the one that starts it.
func dieWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
