// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// reportConfigErrors makes caddy reload end with what is wrong in the user's own
// words. Caddy's message has it behind the names of all modules around the mistake, and
// the line in the log that begins with it is the other process's.
func reportConfigErrors(root *cobra.Command) {
	reload, _, err := root.Find([]string{"reload"})
	if err != nil || reload.RunE == nil || reload == root {
		return
	}
	run := reload.RunE
	reload.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err != nil {
			printConfigError(os.Stderr, err.Error())
		}
		return err
	}
}

// configError is where errors of frontends and backends begin, with file and line where
// these are known.
var configError = regexp.MustCompile(`(?:\S+:\d+: )?(?:frontend|backend) ".*`)

// printConfigError prints the part of an error that says what is wrong with a frontend or
// backend, if it has one. The answer of the admin endpoint, in JSON, is at its end.
func printConfigError(to io.Writer, text string) {
	if i := strings.Index(text, `{"error":`); i >= 0 {
		var answer struct {
			Error string `json:"error"`
		}
		if json.Unmarshal([]byte(text[i:]), &answer) == nil {
			text = answer.Error
		}
	}
	if found := configError.FindString(text); found != "" {
		_, _ = fmt.Fprintln(to, found)
	}
}
