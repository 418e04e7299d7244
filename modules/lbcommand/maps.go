// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// patternFlags change a map or a file of ACLs.
type patternFlags struct {
	set, add, remove []string
	reset            bool
}

// mapsCommand makes the command maps, or acls.
func (c *commands) mapsCommand(word, things string) *cobra.Command {
	var f patternFlags
	cmd := c.command(word+" [FILE]", "Lists "+things+" in use, or lists and changes the entries of one", 0, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return show(cmd.Context(), c, word, c.printPatternFiles)
		}
		path := word + "/" + url.PathEscape(args[0])
		changed, err := c.changePatterns(cmd.Context(), "/passthrough/"+path, &f)
		if err != nil || changed {
			return err
		}
		return show(cmd.Context(), c, path, func(all []control.PatternEntry) error {
			t := texttable.Table{Columns: []texttable.Column{{Title: "ID", Right: true}, {Title: "KEY"}, {Title: "VALUE"}}}
			for _, e := range all {
				t.Add(e.ID, e.Key, e.Value)
			}
			return t.Write(texttable.NewScreen(c.out))
		})
	})
	flags, entry := cmd.Flags(), "KEY"
	if word == "maps" {
		entry = "KEY=VALUE"
		flags.StringArrayVar(&f.set, "set", nil, "Set the value of a key: KEY=VALUE")
	}
	flags.StringArrayVar(&f.add, "add", nil, "Add an entry: "+entry)
	flags.StringArrayVar(&f.remove, "delete", nil, "Delete the entries of a KEY")
	flags.BoolVar(&f.reset, "reset", false, "Read the file again, and drop the changes made at run time")
	return cmd
}

func (c *commands) printPatternFiles(all []control.PatternFile) error {
	t := texttable.Table{Columns: []texttable.Column{{Title: "ID", Right: true}, {Title: "FILE"}, {Title: "ENTRIES", Right: true}, {Title: "CHANGES", Right: true}}}
	for _, f := range all {
		t.Add(f.ID, f.File, f.Entries, f.Changes)
	}
	return t.Write(texttable.NewScreen(c.out))
}

// changePatterns makes the changes of the flags, in their order: reset, delete, set, add.
func (c *commands) changePatterns(ctx context.Context, path string, f *patternFlags) (changed bool, err error) {
	ask := func(method, path string, body any) {
		if err == nil {
			changed = true
			_, err = c.endpoint.ask(ctx, method, path, body)
		}
	}
	if f.reset {
		ask(http.MethodPost, path+"/reset", nil)
	}
	for _, key := range f.remove {
		ask(http.MethodDelete, path+"?key="+url.QueryEscape(key), nil)
	}
	for _, pair := range f.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return changed, usage("--set %q: expected KEY=VALUE", pair)
		}
		ask(http.MethodPatch, path, lbadmin.SetPattern{Key: key, Value: value})
	}
	var entries lbadmin.AddPatterns
	for _, pair := range f.add {
		key, value, _ := strings.Cut(pair, "=")
		entries.Entries = append(entries.Entries, lbadmin.NewPattern{Key: key, Value: value})
	}
	if len(entries.Entries) > 0 {
		ask(http.MethodPost, path, entries)
	}
	return changed, err
}
