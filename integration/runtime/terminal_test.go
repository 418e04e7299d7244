// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program in a pseudo-terminal of 24 lines of 80 columns, as a vt100 shows it.
type terminal struct {
	keyboard *os.File

	mu     sync.Mutex
	screen [24][80]rune
	row    int
	column int
}

// inTerminal starts a program in a terminal. It is killed when the test ends.
func inTerminal(t *testing.T, path string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, args...)
	command.Env = append(os.Environ(), "TERM=vt100", "LC_ALL=C")
	command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	term := &terminal{keyboard: master}
	read := make(chan struct{})
	go func() {
		defer close(read)
		term.show(master)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		<-read // the slave has no user: reads fail
		_ = master.Close()
	})
	return term
}

// press sends keys.
func (t *terminal) press(keys string) { _, _ = t.keyboard.WriteString(keys) }

// text returns the lines on the screen.
func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for _, line := range t.screen {
		for _, r := range line {
			b.WriteRune(max(r, ' '))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// show draws the program's output until it ends.
func (t *terminal) show(from *os.File) {
	var pending string
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		t.mu.Lock()
		for pending += string(buffer[:n]); pending != ""; {
			used := t.draw(pending)
			if used == 0 {
				break
			}
			pending = pending[used:]
		}
		t.mu.Unlock()
	}
}

// draw draws a character or a control sequence, and returns its length: 0 if its end is missing.
func (t *terminal) draw(text string) int {
	switch c := text[0]; {
	case c == '\x1b':
		return t.escape(text)
	case c == '\r':
		t.column = 0
	case c == '\n':
		t.row = min(t.row+1, 23)
	case c == '\b':
		t.column = max(t.column-1, 0)
	case c >= ' ':
		if t.column == 80 {
			t.row, t.column = min(t.row+1, 23), 0
		}
		t.screen[t.row][t.column] = rune(c)
		t.column++
	}
	return 1
}

// escape performs a control sequence.
func (t *terminal) escape(text string) int {
	if len(text) < 3 {
		return 0
	}
	if text[1] != '[' {
		if text[1] == '(' || text[1] == ')' {
			return 3
		}
		return 2
	}
	end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		return 0
	}
	first, second := 0, 0
	_, _ = fmt.Sscanf(text[2:2+end], "%d;%d", &first, &second)
	t.control(text[2+end], first, second)
	return end + 3
}

func (t *terminal) control(c byte, first, second int) {
	switch c {
	case 'H':
		t.row, t.column = min(max(first, 1), 24)-1, min(max(second, 1), 80)-1
	case 'A':
		t.row = max(t.row-max(first, 1), 0)
	case 'B':
		t.row = min(t.row+max(first, 1), 23)
	case 'C':
		t.column = min(t.column+max(first, 1), 79)
	case 'D':
		t.column = max(t.column-max(first, 1), 0)
	case 'K':
		from, to := t.column, 80
		if first == 1 {
			from, to = 0, min(t.column+1, 80)
		}
		clear(t.screen[t.row][min(from, 80):to])
	case 'J':
		clear(t.screen[t.row][min(t.column, 80):])
		clear(t.screen[t.row+1:])
	}
}

// pressUntil presses a key once a second until a condition holds.
func (t *terminal) pressUntil(tt *testing.T, key, what string, holds func() bool) {
	tt.Helper()
	var pressed time.Time
	until(tt, what, func() bool {
		if holds() {
			return true
		}
		if time.Since(pressed) > time.Second {
			pressed = time.Now()
			t.press(key)
		}
		return false
	})
}
