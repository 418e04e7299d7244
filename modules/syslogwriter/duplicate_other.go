// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package syslogwriter

import (
	"errors"
	"os"
)

func duplicated(int) (*os.File, error) { return nil, errors.ErrUnsupported }
