// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"path/filepath"
)

// externalModule is the name of the checker that runs a program.
const externalModule = "external"

// externalProgram holds the external-check lines of a section.
type externalProgram struct{ command, path string }

// externalPermission is the external-check line of global.
type externalPermission struct{ given, preserveEnv bool }

// permitExternal reads "external-check [preserve-env]" of global.
func permitExternal(t *translation, _ *proxy, s statement) {
	t.external.given = true
	t.external.preserveEnv = t.external.preserveEnv || len(s.args) > 0
}

func permitArgs(args []string) error {
	if len(args) > 0 && args[0] != "preserve-env" {
		return fmt.Errorf("only supports 'preserve-env' but got '%s'", args[0])
	}
	return atMost(1)(args)
}

// externalArgs expects "command PATH" or "path PATH".
func externalArgs(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("expects 'command' or 'path': missing argument after 'external-check'")
	case args[0] != "command" && args[0] != "path":
		return fmt.Errorf("only supports 'command' and 'path'. but got '%s'", args[0])
	case len(args) == 1:
		return fmt.Errorf("expects an argument: missing argument after '%s'", args[0])
	}
	return atMost(2)(args)
}

func externalCheck(t *translation, p *proxy, s statement) {
	e := &p.check.program
	switch value := s.args[1]; {
	case s.args[0] == "path":
		e.path = value
	case !filepath.IsAbs(value):
		t.errorf(s.Pos, "'external-check command' : '%s' is not an absolute path: expected one in %s", value, p)
	default:
		e.command = value
	}
}

// validateExternalCheck reports what an external check lacks.
func (t *translation) validateExternalCheck(p *proxy) {
	if p.check.module != externalModule || p.invalid {
		return
	}
	pos := p.check.at
	if !t.external.given {
		t.errorf(pos, "'option external-check' unable to find required 'global.external-check' in %s", p)
	}
	if p.check.program.command == "" {
		t.errorf(pos, "'option external-check' unable to find required 'external-check command' in %s", p)
	}
}
