// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Bytes returns an option with one number of bytes, such as 65536, 64KiB, 16MiB or 1GiB.
func Bytes(p *int64) Option {
	return Once(func(d *caddyfile.Dispenser) error {
		text, err := Arg(d)
		if err == nil {
			*p, err = parseBytes(text)
		}
		return Wrap(d, err)
	})
}

func parseBytes(text string) (int64, error) {
	number, factor := text, int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, factor = rest, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q: expected a number of bytes, such as 65536 or 16MiB", text)
	}
	return n * factor, nil
}
