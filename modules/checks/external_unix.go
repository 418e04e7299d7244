// SPDX-License-Identifier: Apache-2.0

//go:build unix

package checks

import (
	"os/exec"
	"syscall"
)

// killWithGroup makes canceling the command kill its whole process group.
func killWithGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}
