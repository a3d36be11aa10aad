<?php
// Copyright (c) 2026, webtier.apache_balancer contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Says which pool runs which script for which path.
header("Content-Type: application/json");
echo json_encode([
    "pool" => getenv("POOL"),
    "script" => $_SERVER["SCRIPT_FILENAME"],
    "uri" => $_SERVER["REQUEST_URI"],
    "host" => $_SERVER["HTTP_HOST"],
]);
