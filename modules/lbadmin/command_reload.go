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

// reportConfigErrors makes caddy reload print, last, the error in the user's own configuration. In
// Caddy's message it follows the names of all modules around it, and the log line that begins with
// it is that of the other process.
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

// configError matches errors of frontends and backends, with file and line if known.
var configError = regexp.MustCompile(`(?:\S+:\d+: )?(?:frontend|backend) ".*`)

// printConfigError prints the part of an error about a frontend or backend, if there is one. The
// admin endpoint's response, in JSON, is at the end of text.
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
