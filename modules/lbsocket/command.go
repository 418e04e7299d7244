// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Level limits the commands that the client of a socket may give. It is HAProxy's level of stats
// socket.
type Level uint8

// The levels, each with the rights of those before it.
const (
	User     Level = iota // show everything that is not sensitive
	Operator              // show everything, and change what does not touch the traffic
	Admin                 // change everything
)

var levels = []string{"user", "operator", "admin"}

func (l Level) String() string { return levels[l] }

// command is a command of the socket.
type command struct {
	words string // that the line begins with, with single spaces
	args  string // for the list of commands, such as "<map> <key>"
	help  string // for the list of commands
	level Level
	// run writes the answer. An error is written as the answer, with a newline.
	run func(*request) error
}

// commands are all commands, sorted. init sets it because help is one of them.
var commands []command

func init() {
	for _, group := range [][]command{
		generalCommands,
		statCommands,
		sessionCommands,
		errorCommands,
		activityCommands,
		mapCommands,
		tableCommands,
		serverCommands,
		serversCommands,
		checkCommands,
		addCommands,
		waitCommands,
		frontendCommands,
	} {
		commands = append(commands, group...)
	}
	slices.SortFunc(commands, func(a, b command) int { return strings.Compare(a.words, b.words) })
}

// usage returns the command's line in the list of commands.
func (c *command) usage() string {
	words := c.words
	if c.args != "" {
		words += " " + c.args
	}
	return fmt.Sprintf("  %-40s: %s\n", words, c.help)
}

// begins returns the number of words of the command that the line begins with.
func (c *command) begins(line []string) (n int) {
	for i, word := range strings.Fields(c.words) {
		if i >= len(line) || line[i] != word {
			break
		}
		n++
	}
	return n
}

// find returns the command that a line begins with, the longest one, and the number of its words.
func find(line []string) (found *command, words int) {
	for i := range commands {
		c := &commands[i]
		if n := len(strings.Fields(c.words)); n > words && c.begins(line) == n {
			found, words = c, n
		}
	}
	return found, words
}

// matching returns the commands that begin with as many words of the line as any command does, or
// the nearest ones if none does, or all for an empty line.
func matching(line []string) (found []command) {
	most := 0
	for i := range commands {
		most = max(most, commands[i].begins(line))
	}
	for i := range commands {
		if commands[i].begins(line) == most {
			found = append(found, commands[i])
		}
	}
	if most == len(line) {
		return found
	}
	return nearest(found, strings.Join(line[:min(len(line), maxWords)], " "))
}

// maxWords is the number of words of the longest command.
const maxWords = 4

// nearest returns those of the commands that were probably meant by text, or all but if there are
// many.
func nearest(of []command, text string) []command {
	const few = 12
	names := make([]string, len(of))
	for i := range of {
		names[i] = of[i].words
	}
	meant := options.Nearest(text, names)
	switch i := slices.Index(names, meant); {
	case meant != "" && i >= 0:
		return of[i : i+1]
	case len(of) <= few:
		return of
	}
	return nil
}

// lastLines end each list of commands.
const lastLines = "  help [<command>]                        : list matching or all commands\n" +
	"  prompt                                  : toggle interactive mode with prompt\n" +
	"  quit                                    : disconnect\n"

// list returns the list of commands in the answer to help or to an unknown command. HAProxy lists
// commands regardless of the level, too.
func list(title string, line []string) string {
	var b strings.Builder
	b.WriteString(title)
	for _, c := range matching(line) {
		if c.help != "" {
			b.WriteString(c.usage())
		}
	}
	b.WriteString(lastLines)
	return b.String()
}

// unknown returns the answer to an unknown command.
func unknown(line []string) string {
	if len(line) == 0 {
		return list("Unknown command. Please enter one of the following commands only:\n", nil)
	}
	return list("Unknown command, but maybe one of the following ones is a better match:\n", line)
}
