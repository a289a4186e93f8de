// The list of pages.

import { Icon } from "../components/icon.tsx";
import { PAGES } from "../pages/registry.ts";
import { pageAddress, pageLink } from "../state/address.ts";

export function Rail() {
  const { page } = pageAddress.value;
  return (
    <nav class="rail" aria-label="Pages">
      {PAGES.map((each) => (
        <a
          key={each.page}
          href={pageLink(each.page)}
          aria-current={each.page === page ? "page" : undefined}
          title={each.name}
        >
          <Icon name={each.icon} />
          <span>{each.name}</span>
        </a>
      ))}
    </nav>
  );
}
