// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"fmt"
	"time"
)

// The bounds of Options.Buffer in configurations.
const (
	MinBuffer = 64 << 10
	MaxBuffer = 1 << 30
)

// ValidateBuffer returns an error if a configuration may not have that buffer. 0 is the default.
func ValidateBuffer(n int64) error {
	if n != 0 && (n < MinBuffer || n > MaxBuffer) {
		return fmt.Errorf("buffer %d: expected %d to %d bytes", n, MinBuffer, MaxBuffer)
	}
	return nil
}

// closeTimeout is the time that the target of a Writer has to take the last lines.
const closeTimeout = 2 * time.Second

// Writer is a target as an io.WriteCloser.
type Writer struct{ *Target }

// Close implements io.Closer. The last lines get two seconds.
func (w Writer) Close() error {
	w.Target.Close(closeTimeout)
	return nil
}
