/* SPDX-License-Identifier: Apache-2.0 */
#include "lobass.h"

int main(void)
{
    return lobass_version() == NULL;
}
